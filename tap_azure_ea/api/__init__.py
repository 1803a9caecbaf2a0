"""How Azure is asked; no field of any dataset is named in here."""
