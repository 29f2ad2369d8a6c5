"""A stand-in for the parts of AWS that everpull uses; see README.md in this folder. Nothing here is AWS."""
