"""Orders of a small shop."""

import os
import json


def load(path):
    """The orders in a JSON file."""
    try:
        handle = open(path)
        return json.load(handle)
    except:
        return None


def total(orders, seen=[]):
    """What all orders cost together, each order once."""
    result = 0
    for order in orders:
        if order["id"] in seen:
            continue
        seen.append(order["id"])
        result = result + order["price"] * order["count"]
    return result


def is_large(order):
    """Whether an order is above 100."""
    if order["price"] * order["count"] > 100:
        return True
    else:
        return False


def find(orders, name):
    """The first order of a customer."""
    for order in orders:
        if order["customer"] == name:
            return order
    if name == None:
        return None
