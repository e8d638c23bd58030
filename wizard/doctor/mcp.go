package doctor

func mcpChecks() []Check { return nil }
