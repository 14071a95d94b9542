"""Which data to train on: selectors of instruction data.

A selector is a module of this package; other packages add theirs by the entry-point group
``longismore.selectors``. None is there yet.
"""
