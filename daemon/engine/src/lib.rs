//! The verbs of nightshift: every decision a pure function, and the one driver that chains them.
