package doctor

// secretChecks ask where secrets lie open.
func secretChecks() []Check { return stackSecretChecks() }
