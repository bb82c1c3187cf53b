// Command planckd is Planck: the SDN controller.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// version is set by the Makefile.
var version = "development"

func main() {
	var s settings
	switch err := s.read(os.Args[1:], os.LookupEnv); {
	case errors.Is(err, pflag.ErrHelp):
		return
	case err != nil:
		fatal(err)
	}
	if s.version {
		fmt.Println("planckd", version)
		return
	}
	if err := s.check(); err != nil {
		fatal(err)
	}
	log, err := logger(s.logLevel)
	if err != nil {
		fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, &s, log); err != nil {
		log.Error("planckd ends", zap.Error(err))
		stop()
		os.Exit(1)
	}
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "planckd:", err)
	os.Exit(2)
}

func logger(level string) (*zap.Logger, error) {
	l, err := zapcore.ParseLevel(level)
	if err != nil {
		return nil, err
	}
	cfg := zap.NewProductionConfig()
	cfg.Level = zap.NewAtomicLevelAt(l)
	cfg.Sampling = nil // nothing is lost
	cfg.EncoderConfig.EncodeTime = zapcore.TimeEncoderOfLayout("2006-01-02T15:04:05.000000Z07:00")
	cfg.DisableStacktrace = true
	return cfg.Build()
}
