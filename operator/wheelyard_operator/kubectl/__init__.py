"""`kubectl wheelyard`: what people want to see and do, with their own rights and never the operator's."""
