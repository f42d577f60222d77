"""What is counted, exactly: limits, ceilings of the whole portal, and the keyed names of both."""
