// Starts Swagger UI on the page that loads it: see app/site/views/docs.py.
window.ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  presets: [SwaggerUIBundle.presets.apis],
  deepLinking: true,
  // No other server is asked whether the document is valid.
  validatorUrl: "none",
});
