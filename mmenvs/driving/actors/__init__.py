"""Everybody but the ego: cars, vans, lorries, cyclists, an ambulance, people on foot, and their signals."""
