package doctor

func skillChecks() []Check { return nil }
