package main
import "context"
func benchPush(context.Context, *environment) error { return nil }
func benchRestart(context.Context, *environment) error { return nil }
func benchBurst(context.Context, *environment) error { return nil }
func benchREST(context.Context, *environment) error { return nil }
func benchDHCP(context.Context, *environment) error { return nil }
func benchMemory(context.Context, *environment) error { return nil }
func benchEntries(context.Context, *environment) error { return nil }
