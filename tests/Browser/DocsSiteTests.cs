using System;
using System.IO;
using System.Linq;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Rl.Tests.Browser;

/// <summary>The documentation's site in a browser: what a reader's search finds, and that pages need nothing from
/// elsewhere. <c>check.sh</c> makes the site before the tests.</summary>
public sealed class DocsSiteTests(ChromiumFixture chromium, SiteFixture site)
    : IClassFixture<ChromiumFixture>, IClassFixture<SiteFixture>
{
    private const string Found = "#search-results .sr-item";

    [Theory]
    [InlineData("truncated", "/guide/")]
    [InlineData("EvaluateEpisodes", "/api/Rl.Agent.html")]
    [InlineData("ONNX", "/guide/")]
    [InlineData("Riccati", "/mathematics/")]
    [InlineData("DiagonalNormalPolicy", "/core/")]
    public async Task The_search_finds_pages_that_hold_the_word(string word, string part)
    {
        await using var page = await chromium.Open(site.Address("index.html"));
        await Type(page, word);
        // Each letter is a search of its own; the head of the results names the word that was sought.
        await page.Until($"document.querySelector('#search-results').innerText.includes('\"{word}\"')");
        var addresses = await page.Of<string[]>($"[...document.querySelectorAll('{Found} a')].map(a => a.href)");
        var chosen = addresses.FirstOrDefault(address => address.Contains(part, StringComparison.Ordinal));
        Assert.True(chosen is not null, $"Only {string.Join(", ", addresses)} was found.");
        await page.Page.GoToAsync(chosen);
        Assert.Contains(word, await page.Of<string>("document.body.innerText"), StringComparison.OrdinalIgnoreCase);
        NothingFromElsewhere(page);
    }

    [Fact]
    public async Task A_search_without_results_says_so()
    {
        await using var page = await chromium.Open(site.Address("index.html"));
        await Type(page, "xyzzyplugh");
        await page.Until("/no results/i.test(document.querySelector('#search-results').innerText)");
        NothingFromElsewhere(page);
    }

    [Fact]
    public async Task The_icon_is_no_higher_than_the_bar()
    {
        await using var page = await chromium.Open(site.Address("index.html"));
        Assert.True(await page.Of<bool>(
            "document.querySelector('#logo').getBoundingClientRect().height"
                + " < document.querySelector('header').getBoundingClientRect().height"));
    }

    [Fact]
    public async Task On_a_phone_the_pages_are_no_wider_than_the_screen()
    {
        await using var page = await chromium.Open(site.Address("index.html"), 390, 844, isPhone: true);
        Assert.InRange(await page.Of<int>("document.documentElement.scrollWidth"), 1, 390);
        NothingFromElsewhere(page);
    }

    private static async Task Type(ObservedPage page, string word)
    {
        // The field opens when the index has been read.
        await page.Until("!document.querySelector('#search-query').disabled");
        await page.Page.TypeAsync("#search-query", word);
    }

    private void NothingFromElsewhere(ObservedPage page)
    {
        Assert.Empty(page.Errors);
        Assert.All(
            page.Requests, url => Assert.StartsWith(site.Address(""), url, StringComparison.OrdinalIgnoreCase));
    }
}

/// <summary>A server on loopback for the site in artifacts/site, where it has been made.</summary>
public sealed class SiteFixture : IAsyncLifetime
{
    private WebApplication? server;

    public async ValueTask InitializeAsync()
    {
        var folder = Path.Combine(Repository.Root, "artifacts", "site");
        if (!File.Exists(Path.Combine(folder, "index.html")))
        {
            return;
        }

        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        server = builder.Build();
        server.UseStaticFiles(new StaticFileOptions
        {
            FileProvider = new PhysicalFileProvider(folder),
            ServeUnknownFileTypes = true,
        });
        await server.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (server is not null)
        {
            await server.DisposeAsync();
        }
    }

    /// <summary>The address of a file of the site; skips the test where there is no site.</summary>
    internal string Address(string file)
    {
        Assert.SkipWhen(
            server is null, "There is no site: dotnet run -c Release --project tools/DocsSite makes it.");
        var address = server!.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!;
        return $"{address.Addresses.Single()}/{file}";
    }
}
