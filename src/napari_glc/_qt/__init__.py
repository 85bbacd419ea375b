"""Every line of Qt of the package: a folder a widget, and what all share."""
