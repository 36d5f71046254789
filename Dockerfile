# One image for ingest, worker and console; the command says which.
FROM node:24-slim AS build
WORKDIR /es
RUN npm install --global pnpm@10.34.9
COPY . .
RUN pnpm install --frozen-lockfile \
  && pnpm exec turbo run build --filter=@es/app-ingest --filter=@es/app-worker --filter=@es/app-console \
  && for app in ingest worker console; do pnpm --filter "@es/app-$app" --prod deploy --legacy "/out/$app"; done

FROM node:24-slim
ENV NODE_ENV=production
COPY --from=build /out /es
USER node
WORKDIR /es
CMD ["node", "ingest/dist/main.js"]
