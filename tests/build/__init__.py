"""Tests of lab_server/build: everything that needs no mmdebstrap. What it builds is tested by using it (contract/)."""
