using System;
using System.Collections.Concurrent;
using System.IO;
using System.Linq;
using System.Threading.Tasks;
using PuppeteerSharp;
using Xunit;

namespace Rl.Tests.Browser;

/// <summary>The Chromium of this machine without a window, started once for a class of tests.</summary>
public sealed class ChromiumFixture : IAsyncLifetime
{
    private static readonly string[] Names =
        ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];

    private IBrowser? browser;

    public async ValueTask InitializeAsync()
    {
        if (Find() is { } path)
        {
            // A process of root, as in containers, has no sandbox to go into.
            browser = await Puppeteer.LaunchAsync(new LaunchOptions
            {
                ExecutablePath = path,
                Headless = true,
                Args = Environment.UserName == "root" ? ["--no-sandbox", "--disable-gpu"] : ["--disable-gpu"],
            });
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (browser is not null)
        {
            await browser.CloseAsync();
        }
    }

    /// <summary>Opens a page; skips the test where there is no Chromium.</summary>
    internal async Task<ObservedPage> Open(string address, int width = 1200, int height = 900, bool isPhone = false)
    {
        Assert.SkipWhen(browser is null, $"There is none of {string.Join(", ", Names)} in PATH.");
        var page = await browser!.NewPageAsync();
        await page.SetViewportAsync(
            new ViewPortOptions { Width = width, Height = height, IsMobile = isPhone, HasTouch = isPhone });
        var observed = new ObservedPage(page);
        await page.GoToAsync(address, WaitUntilNavigation.Load);
        return observed;
    }

    private static string? Find() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .SelectMany(folder => Names.Select(name => Path.Combine(folder, name)))
        .FirstOrDefault(File.Exists);
}

/// <summary>A page, what its console said of errors, and what it asked of the network.</summary>
internal sealed class ObservedPage : IAsyncDisposable
{
    private readonly ConcurrentQueue<string> errors = new();
    private readonly ConcurrentQueue<string> requests = new();

    public ObservedPage(IPage page)
    {
        Page = page;
        page.Console += (_, said) =>
        {
            if (said.Message.Type is ConsoleType.Error or ConsoleType.Warning)
            {
                errors.Enqueue(said.Message.Text);
            }
        };
        page.PageError += (_, error) => errors.Enqueue(error.Message);
        page.Request += (_, made) => requests.Enqueue(made.Request.Url);
    }

    public IPage Page { get; }

    public string[] Errors => [.. errors];

    /// <summary>Addresses that were asked for, except what lies within the page.</summary>
    public string[] Requests => [.. requests.Where(url => !url.StartsWith("data:", StringComparison.Ordinal))];

    public Task<T> Of<T>(string expression) => Page.EvaluateExpressionAsync<T>(expression);

    /// <summary>Waits until an expression is true.</summary>
    public Task Until(string expression) =>
        Page.WaitForExpressionAsync(expression, new WaitForFunctionOptions { Timeout = 20_000 });

    public async ValueTask DisposeAsync() => await Page.CloseAsync();
}
