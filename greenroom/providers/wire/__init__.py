"""What the wires share: framing to deltas, evidence of errors, counts, short cuts. A new wire starts here."""
