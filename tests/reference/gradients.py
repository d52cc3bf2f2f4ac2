"""Identities whose cotangents are not."""
REFERENCES = {
    "grad_clip": {"*": lambda x: x},
    "grad_scale": {"*": lambda x: x},
}
