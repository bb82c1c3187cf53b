package inspect

import (
	"context"
	"sync"

	"github.com/planck-sdn/planck/model"
)

// concurrentNodes is how many nodes are looked at at once.
const concurrentNodes = 4

// chosen is the node of that name, or all nodes if it is empty.
func (i *Inspector) chosen(name string) ([]*model.Node, error) {
	if name != "" {
		n, err := i.node(name)
		return []*model.Node{n}, err
	}
	var all []*model.Node
	i.Follower.View().Nodes(func(n *model.Node) { all = append(all, n) })
	return all, nil
}

// perNode does work for some nodes at once, and hands each result to emit as soon as it is there, from the caller's goroutine. It ends
// with the first error of emit.
func perNode[T any](ctx context.Context, list []*model.Node, work func(context.Context, *model.Node) T, emit func(T) error) error {
	ctx, cancel := context.WithCancel(ctx)
	todo, results := make(chan *model.Node), make(chan T)
	var workers sync.WaitGroup
	for range min(concurrentNodes, len(list)) {
		workers.Go(func() {
			for n := range todo {
				select {
				case results <- work(ctx, n):
				case <-ctx.Done():
				}
			}
		})
	}
	go func() {
		defer close(results)
		defer workers.Wait()
		defer close(todo)
		for _, n := range list {
			select {
			case todo <- n:
			case <-ctx.Done():
				return
			}
		}
	}()
	defer func() {
		cancel()
		for range results { // until the workers are done
		}
	}()
	for r := range results {
		if err := emit(r); err != nil {
			return err
		}
	}
	return ctx.Err()
}
