import ippoold.ApiClient;
import ippoold.ApiException;
import ippoold.api.IpamApi;
import ippoold.api.ResourcesApi;
import ippoold.model.*;
import java.io.IOException;
import java.util.UUID;
import java.util.function.Consumer;

public class Example {
    static final String NAME = "example-java";
    static final int TRIES_MAX = 5;

    final IpamApi ipam;
    final ResourcesApi resources;

    Example(ApiClient client) {
        ipam = new IpamApi(client);
        resources = new ResourcesApi(client);
    }

    /** What the server says of a call that it refused. */
    static Status status(ApiException refused) throws ApiException {
        if (refused.getResponseBody() == null) throw refused;
        try {
            return Status.fromJson(refused.getResponseBody());
        } catch (IOException unreadable) {
            throw refused;
        }
    }

    /** Assigns addresses once, however often it has to ask: the key is made for the wish, not for the call. */
    Assignment assign(String handle, int ipv4) throws ApiException, InterruptedException {
        var key = UUID.randomUUID().toString();
        var wish = new AssignRequest().handle(handle).ipv4(ipv4).addPoolsItem(NAME);
        for (int tries = 1; ; tries++) {
            try {
                return ipam.assignAddresses(wish, null, key);
            } catch (ApiException failed) {
                if (tries == TRIES_MAX) throw failed;
                boolean isConnectionLost = failed.getCause() instanceof IOException;
                if (isConnectionLost) continue;
                var status = status(failed);
                if (status.getReason() == StatusReason.INSUFFICIENT_ADDRESSES) return null;
                if (status.getReason() != StatusReason.SERVICE_UNAVAILABLE) throw failed;
                Thread.sleep(1000L * status.getDetails().getRetryAfterSeconds());
            }
        }
    }

    /** Changes a pool as it is at that moment: when somebody else was faster, the change is made to theirs. */
    void changePool(Consumer<IPPool> change) throws ApiException {
        while (true) {
            var pool = resources.readIPPool(NAME, null, null, null, null);
            change.accept(pool);
            try {
                resources.replaceIPPool(NAME, pool, null, null, null, null, null, null);
                return;
            } catch (ApiException failed) {
                if (status(failed).getReason() != StatusReason.CONFLICT) throw failed;
                System.out.println("somebody else changed the pool");
            }
        }
    }

    void run() throws ApiException, InterruptedException {
        var pool = new IPPool().metadata(new ObjectMeta().name(NAME)).spec(new IPPoolSpec().cidr("10.64.0.0/26"));
        try {
            resources.createIPPool(pool, null, null, null, null, null, null);
            System.out.println("created the pool");
        } catch (ApiException failed) {
            if (status(failed).getReason() != StatusReason.ALREADY_EXISTS) throw failed;
            System.out.println("the pool is there");
        }

        System.out.printf("assigned %d addresses%n", assign(NAME, 3).getAddresses().size());
        if (assign(NAME, 1000) == null) System.out.println("there are not as many");

        String next = null;
        do {
            var page = ipam.listAddresses(NAME, null, null, null, null, null, null, 2, next);
            page.getAddresses().forEach(allocation -> System.out.println("holds " + allocation.getAddress()));
            next = page.getContinue();
        } while (next != null);

        changePool(changed -> changed.getSpec().setNatOutgoing(true));
        System.out.println("replaced the pool");

        System.out.printf("released %d addresses%n", ipam.releaseHandle(NAME, null).getReleased().size());
    }

    public static void main(String[] arguments) throws ApiException, InterruptedException {
        var client = new ApiClient();
        if (arguments.length > 0) client.setBasePath(arguments[0]);
        var token = System.getenv("IPAM_TOKEN");
        if (token != null) client.setBearerToken(token);
        new Example(client).run();
    }
}
