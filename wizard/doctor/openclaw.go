package doctor

func openClawChecks() []Check { return nil }
