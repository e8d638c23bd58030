package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"
)

// connect asks the gateway for a tunnel to "host:port [name]" and greets by TLS with
// that server name.
func connect(arg string) error {
	target, name, _ := strings.Cut(arg, " ")
	gateway := strings.TrimPrefix(os.Getenv("HTTPS_PROXY"), "http://")
	c, err := net.DialTimeout("tcp", gateway, 2*time.Second)
	if err != nil {
		return fmt.Errorf("the gateway: %w", err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(4 * time.Second))
	fmt.Fprintf(c, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", target, target)
	r := bufio.NewReader(c)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	t := tls.Client(c, &tls.Config{ServerName: name, InsecureSkipVerify: true})
	return t.Handshake()
}

// personality is a call that our filter refuses and the engine's own allows.
func personality() error {
	if _, _, errno := syscall.Syscall(syscall.SYS_PERSONALITY, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}
