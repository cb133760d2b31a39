"""Short experiments on the data, the model, the loss and the batches of a run."""
