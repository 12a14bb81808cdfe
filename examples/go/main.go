package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"net/url"
	"os"
	"time"

	"example.org/ippoold/ippoold-go"
)

const name = "example-go"
const triesMax = 5

// status gives what the server says of a call that it refused, or nil when the call failed otherwise.
func status(err error) *ippoold.Status {
	var refused *ippoold.GenericOpenAPIError
	if errors.As(err, &refused) {
		if status, ok := refused.Model().(ippoold.Status); ok {
			return &status
		}
	}
	return nil
}

func reason(err error) ippoold.StatusReason {
	return status(err).GetReason()
}

// assign assigns addresses once, however often it has to ask: the key is made for the wish, not for the call.
func assign(ctx context.Context, api *ippoold.IpamAPIService, handle string, ipv4 int32) (*ippoold.Assignment, error) {
	key := rand.Text()
	wish := ippoold.AssignRequest{Handle: &handle, Ipv4: &ipv4, Pools: []string{name}}
	for tries := 1; ; tries++ {
		assigned, _, err := api.AssignAddresses(ctx).IdempotencyKey(key).AssignRequest(wish).Execute()
		var lost *url.Error
		isWorthAnother := errors.As(err, &lost) || reason(err) == ippoold.SERVICE_UNAVAILABLE
		if err == nil || !isWorthAnother || tries == triesMax {
			return assigned, err
		}
		if refused := status(err); refused != nil {
			time.Sleep(time.Duration(refused.Details.GetRetryAfterSeconds()) * time.Second)
		}
	}
}

// changePool changes a pool as it is at that moment: when somebody else was faster, the change is made to theirs.
func changePool(ctx context.Context, api *ippoold.ResourcesAPIService, change func(*ippoold.IPPool)) error {
	for {
		pool, _, err := api.ReadIPPool(ctx, name).Execute()
		if err != nil {
			return err
		}
		change(pool)
		if _, _, err = api.ReplaceIPPool(ctx, name).IPPool(*pool).Execute(); reason(err) != ippoold.CONFLICT {
			return err
		}
		fmt.Println("somebody else changed the pool")
	}
}

func main() {
	ctx := context.Background()
	if token, ok := os.LookupEnv("IPAM_TOKEN"); ok {
		ctx = context.WithValue(ctx, ippoold.ContextAccessToken, token)
	}
	configuration := ippoold.NewConfiguration()
	if len(os.Args) > 1 {
		configuration.Servers[0].URL = os.Args[1]
	}
	client := ippoold.NewAPIClient(configuration)

	pool := ippoold.NewIPPool(*ippoold.NewObjectMeta(), *ippoold.NewIPPoolSpec("10.64.0.0/26"))
	pool.Metadata.SetName(name)
	_, _, err := client.ResourcesAPI.CreateIPPool(ctx).IPPool(*pool).Execute()
	switch {
	case err == nil:
		fmt.Println("created the pool")
	case reason(err) == ippoold.ALREADY_EXISTS:
		fmt.Println("the pool is there")
	default:
		log.Fatal(err)
	}

	assigned, err := assign(ctx, client.IpamAPI, name, 3)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("assigned %d addresses\n", len(assigned.Addresses))
	if _, err := assign(ctx, client.IpamAPI, name, 1000); reason(err) == ippoold.INSUFFICIENT_ADDRESSES {
		fmt.Println("there are not as many")
	}

	list := client.IpamAPI.ListAddresses(ctx).Handle(name).Limit(2)
	for {
		page, _, err := list.Execute()
		if err != nil {
			log.Fatal(err)
		}
		for _, allocation := range page.Addresses {
			fmt.Println("holds", allocation.Address)
		}
		next := page.Continue.Get()
		if next == nil {
			break
		}
		list = list.Continue_(*next)
	}

	if err := changePool(ctx, client.ResourcesAPI, func(pool *ippoold.IPPool) { pool.Spec.SetNatOutgoing(true) }); err != nil {
		log.Fatal(err)
	}
	fmt.Println("replaced the pool")

	gone, _, err := client.IpamAPI.ReleaseHandle(ctx, name).Execute()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("released %d addresses\n", len(gone.Released))
}
