package e2e

import (
	"sync"
	"time"
)

// flood sends frames, one after the other and from the beginning again, 10,000 a second, until the part of the test ends or stop, which tells
// how many were sent.
func (v *VM) flood(frames ...[]byte) (stop func() int) {
	const each, together = 10 * time.Millisecond, 100
	end, n := make(chan struct{}), 0
	var sending sync.WaitGroup
	sending.Go(func() {
		tick := time.NewTicker(each)
		defer tick.Stop()
		for {
			select {
			case <-end:
				return
			case <-tick.C:
				for range together {
					if v.Send(frames[n%len(frames)]) == nil {
						n++
					}
				}
			}
		}
	})
	stop = sync.OnceValue(func() int {
		close(end)
		sending.Wait()
		return n
	})
	v.cloud.t.Cleanup(func() { stop() })
	return stop
}
