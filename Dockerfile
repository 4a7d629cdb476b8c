# syntax=docker/dockerfile:1

FROM node:24-bookworm-slim AS build
WORKDIR /app
# better-sqlite3 compiles its addon where no prebuilt one fits.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 make g++ \
 && rm -rf /var/lib/apt/lists/*
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY abi abi
COPY migrations migrations
COPY src src
COPY dashboard dashboard
RUN npm run build

# A local chain to try things on: the anvil that the tests use. Not part of the product.
FROM build AS anvil
USER 10001:10001
EXPOSE 8545
ENTRYPOINT ["node", "node_modules/@foundry-rs/anvil/bin.mjs"]
CMD ["--host", "0.0.0.0", "--port", "8545", "--cache-path", "/tmp/anvil"]

FROM build AS production
RUN npm prune --omit=dev

FROM node:24-bookworm-slim AS runtime
ENV NODE_ENV=production \
    DATABASE=/data/ledger.sqlite \
    PROGRAMME=/config/programme.json
WORKDIR /app
COPY --from=production /app/node_modules node_modules
COPY --from=production /app/dist dist
COPY package.json ./
RUN mkdir /data && chown 10001:10001 /data
USER 10001:10001
VOLUME /data
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=60s --timeout=10s --start-period=10m --retries=3 \
  CMD ["node", "/app/dist/src/main.js", "status", "--max-age", "600"]
ENTRYPOINT ["node", "/app/dist/src/main.js"]
CMD ["start"]
