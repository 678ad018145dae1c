"""Which venues an order goes to."""

from quantai.core.component import Registry
from quantai.oms.routing.base import Decision, Leg, RouteNote, Router, RouteRequest, Score
from quantai.oms.routing.direct import DirectOrders, Routing
from quantai.oms.routing.rules import Route
from quantai.oms.routing.simple import SimpleRouter
from quantai.oms.routing.view import FeeRates, RoutingView

ROUTERS: Registry[Router] = Registry(
    "router",
    Router,
    "quantai.routers",
    {
        "simple": "quantai.oms.routing.simple.SimpleRouter",
        "smart": "quantai.oms.routing.smart.SmartRouter",
    },
)

__all__ = [
    "ROUTERS",
    "Decision",
    "DirectOrders",
    "FeeRates",
    "Leg",
    "Route",
    "RouteNote",
    "RouteRequest",
    "Router",
    "Routing",
    "RoutingView",
    "Score",
    "SimpleRouter",
]
