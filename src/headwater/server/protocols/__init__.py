"""The protocols of front ends' libraries: one record each, with its encoder and its routes."""
