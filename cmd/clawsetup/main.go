// Command clawsetup sets up OpenClaw with Claude Code on cloud.ru Foundation
// Models, hardened, and keeps the record of it.
package main

import "os"

func main() {
	os.Exit(newApp().run(os.Args[1:]))
}
