"""Every line of Qt of the package: one file a widget, one base, one job runner."""
