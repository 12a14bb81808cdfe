# ippoold without etcd: the image needs ETCD_ENDPOINTS (docker-compose.yml has an example). test/deploy/image.test.ts carries out these
# steps without an engine, so use only the instructions that it knows.
FROM node:24-trixie-slim AS build
WORKDIR /opt/ippoold
COPY package.json package-lock.json .npmrc ./
# With the optional packages: the compiler of the page is one, for each platform another.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
# The page, which shares code with the server.
COPY ui ./ui
COPY scripts/build-page.ts ./scripts/
# The types of the API, which the command line is compiled with.
COPY openapi/ippoold.d.ts ./openapi/
# The image has Node, which the optional packages would bring once more.
RUN npm run build \
  && npm prune --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund \
  # Of what is there: from the lock alone, npm leaves out what the tools of development need, too.
  && npm pkg delete devDependencies optionalDependencies \
  && npm sbom --sbom-format=cyclonedx --sbom-type=application >sbom.cdx.json

# No shell and no package manager. The root file system may be read-only: nothing is written.
FROM gcr.io/distroless/nodejs24-debian13:nonroot
ARG VERSION=0.0.0
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="ippoold" \
      org.opencontainers.image.description="IP address management over HTTP, on Calico's own etcd data" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="gcr.io/distroless/nodejs24-debian13:nonroot" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
WORKDIR /opt/ippoold
COPY LICENSE package.json ./
COPY --from=build /opt/ippoold/sbom.cdx.json ./
COPY --from=build /opt/ippoold/node_modules ./node_modules
COPY --from=build /opt/ippoold/dist ./dist

# Inside a container all interfaces are meant. So a container needs files for TLS and authentication, or settings that waive them
# (IPPOOLD_INSECURE_HTTP, IPPOOLD_INSECURE_NO_AUTH).
ENV NODE_ENV=production \
    IPPOOLD_HOST=0.0.0.0 \
    IPPOOLD_PORT=8080 \
    IPPOOLD_HEALTH_PORT=8081
# By number, so that Kubernetes can see that it is not root.
USER 65532:65532
EXPOSE 8080 8081
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 \
  CMD ["/nodejs/bin/node", "-e", "fetch(`http://127.0.0.1:${process.env.IPPOOLD_HEALTH_PORT}/readyz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# What dies young is half as often in the way: a tenth more assignments a second, for some 40 MiB.
ENTRYPOINT ["/nodejs/bin/node", "--max-semi-space-size=32", "dist/main.js"]
