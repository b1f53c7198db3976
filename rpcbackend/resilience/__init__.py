"""Policies that keep one caller or one fault from hurting the rest."""
