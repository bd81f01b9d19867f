using System;
using System.Collections.Generic;
using Microsoft.AspNetCore.Http;

namespace Rl.Dashboard;

/// <summary>Lets in what a person at this machine asks for, and no other web page that they happen to look
/// at.</summary>
/// <remarks>A page of another origin can make a browser ask here: its own name can be made to mean this machine (DNS
/// rebinding), which the Host header tells; or it asks across origins, which the Origin header and the browser's own
/// Sec-Fetch-Site tell.</remarks>
internal sealed class LocalRequests(int port)
{
    private readonly HashSet<string> hosts =
        new(StringComparer.OrdinalIgnoreCase) { $"127.0.0.1:{port}", $"localhost:{port}" };

    /// <summary>Why a request is refused, with its status; null if it is let in.</summary>
    public (int Status, string Reason)? Refusal(HttpRequest request)
    {
        if (!HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method))
        {
            return (StatusCodes.Status405MethodNotAllowed, "The dashboard only shows: GET and HEAD are answered.");
        }

        if (!hosts.Contains(request.Host.Value ?? ""))
        {
            return (StatusCodes.Status421MisdirectedRequest, "The dashboard answers to 127.0.0.1 and localhost only.");
        }

        var origin = request.Headers.Origin.ToString();
        return (origin.Length > 0 && !IsOwn(origin)) || IsFromElsewhere(request.Headers)
            ? (StatusCodes.Status403Forbidden, "Other pages may not ask the dashboard.")
            : null;
    }

    /// <summary>What tells browsers to keep the page to itself.</summary>
    public static void Protect(IHeaderDictionary headers)
    {
        headers.ContentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; "
            + "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        headers.XContentTypeOptions = "nosniff";
        headers.CacheControl = "no-store";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Referrer-Policy"] = "no-referrer";
    }

    private bool IsOwn(string origin) =>
        Uri.TryCreate(origin, UriKind.Absolute, out var uri) && uri.Scheme == Uri.UriSchemeHttp
        && hosts.Contains(uri.Authority);

    /// <summary>Browsers say where a request comes from; only a person who follows a link may come from
    /// elsewhere.</summary>
    private static bool IsFromElsewhere(IHeaderDictionary headers) =>
        headers["Sec-Fetch-Site"].ToString() is not ("" or "same-origin" or "none")
        && !(headers["Sec-Fetch-Mode"] == "navigate" && headers["Sec-Fetch-Dest"] == "document");
}
