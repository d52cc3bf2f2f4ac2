"""What both peers' autoencoders share: which step of training the exchange file is of."""


def trained_layer(names):
    """The encoder that is trained as half of an autoencoder; 0: all are, and the classifier."""
    return next((int(name[1:]) for name in names if name[0] == "c"), 0)


def fixed(arrays, names):
    """The parameters that the step reads and leaves as they are."""
    return [name for name in arrays if name[0] in "WbVv" and name not in names]
