"""What is to be predicted: columns of targets, sets of labels, answers."""
