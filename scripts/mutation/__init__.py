"""A mutation run over the OMS: mutmut's mutants, each in a fork of one process that has everything imported."""
