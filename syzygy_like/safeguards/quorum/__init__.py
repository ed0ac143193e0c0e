"""Several parties that apply a plan once, when all of them have arrived."""
