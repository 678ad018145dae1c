"""Instruments, their symbols and the catalogue of them."""

from quantai.instruments.catalogue import InstrumentCatalogue
from quantai.instruments.instrument import Instrument, InstrumentType
from quantai.instruments.symbol import OptionRight, Symbol

__all__ = ["Instrument", "InstrumentCatalogue", "InstrumentType", "OptionRight", "Symbol"]
