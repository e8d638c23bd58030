package doctor

func claudeProcessChecks() []Check { return nil }
