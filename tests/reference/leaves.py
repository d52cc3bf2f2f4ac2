"""Leaves and ops without operands."""
WITHOUT = {
    "constant": "its value is given",
    "full": "its value is given",
    "extent": "tests/unit/compiler/ir and frontends test it with shapes",
    "iota": "arange, in the family shape, is compared",
}
REFERENCES = {}
