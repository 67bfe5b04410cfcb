"""The operator of Wheelyard: custom resource -> observed -> desired -> applied -> status."""
