// Command clawsetup sets up OpenClaw with Claude Code on cloud.ru Foundation
// Models, hardened, and keeps the record of it.
package main

import "os"

func main() { os.Exit(start(newApp(), os.Args[1:])) }

// start runs the program. What it holds in memory, keys among it, stays out of core dumps
// and out of the reach of the operator's other programs; egress and launch are what the
// engine lets them be.
func start(a *app, args []string) int {
	if len(args) == 0 || args[0] != "egress" && args[0] != "launch" {
		closeMemory()
	}
	return a.run(args)
}
