package doctor

func claudeChecks() []Check { return nil }
