"""Trials that were trained before, trained again: one of them in full detail, or a sample to compare."""
