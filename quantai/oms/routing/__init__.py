"""Which venue an order goes to."""

from quantai.oms.routing.simple import Route, SimpleRouter

__all__ = ["Route", "SimpleRouter"]
