"""The program's own look at the cluster: before anything is planned, and once everything is deployed."""
