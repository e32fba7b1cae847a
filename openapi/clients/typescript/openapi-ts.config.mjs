// Types and functions for each operation, called by the Fetch API. Node wants the endings of imports.
export default {
  input: "../../openapi-3.0.json",
  output: { path: "generated/hey-api", importFileExtension: ".js", clean: true },
  plugins: ["@hey-api/client-fetch", "@hey-api/typescript", "@hey-api/sdk"],
  logs: { level: "error" },
};
