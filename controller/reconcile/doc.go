// Package reconcile brings one switch to what the topology wants: entries wanted less entries present is what is
// sent, and a barrier reply is what confirms it. One goroutine owns one switch.
package reconcile
