using System;
using System.Globalization;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Text.Json;
using System.Threading.Tasks;
using Xunit;

namespace Rl.Tests.Browser;

/// <summary><c>rl dashboard</c>: what it shows of runs that go on, and whom it answers.</summary>
public sealed class DashboardTests(ChromiumFixture chromium) : IClassFixture<ChromiumFixture>, IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_training_that_begins_appears_and_its_curve_grows_without_a_reload()
    {
        using var dashboard = new RunningCommand("dashboard", folder.Path, "--json");
        await using var page = await chromium.Open(await Address(dashboard));
        await page.Until("document.getElementById('status').textContent.startsWith('No runs yet')");
        await page.Of<int>("window.isTheSamePage = 1");
        using (var training = new RunningCommand(
            "train", "ppo", "CartPole-v1", "--steps", "1000000000", "--threads", "1", "--run", folder.File("live"),
            "--json"))
        {
            await page.Until("document.querySelector('#list .state')?.textContent === 'running'");
            await page.Until($"{Reached} > 0");
            var reached = await page.Of<long>(Reached);
            await page.Until($"{Reached} > {reached}");
            Assert.True(await page.Of<int>("document.querySelectorAll('.chart .mean').length") >= 5);
            Assert.Contains(
                "GaeLambda", await page.Of<string>("document.getElementById('details').textContent"),
                StringComparison.Ordinal);
            Assert.Equal(130, await training.Stop());
        }

        await page.Until("document.querySelector('#list .state').textContent === 'interrupted'");
        await page.Until("document.getElementById('warnings').textContent.includes('rl resume')");
        await page.Page.ClickAsync("#play");
        await page.Until("!document.getElementById('agent').hidden");
        Assert.True(await page.Of<int>("document.getElementById('agent').naturalWidth") >= 400);
        Assert.Equal(1, await page.Of<int>("window.isTheSamePage"));
        Assert.Empty(page.Errors);
        Assert.All(
            page.Requests, url => Assert.StartsWith(page.Page.Url.Split('#')[0], url, StringComparison.Ordinal));
        Assert.Equal(0, await dashboard.Stop());
        await page.Until("document.body.classList.contains('lost')");
    }

    [Fact]
    public async Task Runs_are_chosen_compared_and_filtered_and_their_names_are_never_run()
    {
        const string Script = "<img src=x onerror=window.taken=1>";
        MadeRun.Write(folder.File("a"), [[1], [2], [3]], "a2c");
        MadeRun.Write(folder.File("b"), [[4], [5], [6]], Script, environment: "</ul><script>window.taken=1</script>");
        using var dashboard = new RunningCommand("dashboard", folder.Path, "--json", "--smooth", "1");
        await using var page = await chromium.Open(await Address(dashboard), 400, 800, isPhone: true);
        await page.Until("document.querySelectorAll('#list li').length === 2");
        Assert.Equal(400, await page.Of<int>("document.documentElement.scrollWidth"));
        foreach (var box in await page.Page.QuerySelectorAllAsync("#list li:not(.chosen) input"))
        {
            await box.ClickAsync();
        }

        await page.Until("document.getElementById('title').textContent === '2 runs'");
        await page.Until("document.querySelectorAll('.legend button').length === 2");
        await page.Page.TypeAsync("#filter", "a2c inter");
        await page.Until("document.querySelectorAll('#list li').length === 1");
        await page.Page.ClickAsync("#list button");
        await page.Until("document.getElementById('title').textContent === 'a'");
        await page.Until("document.querySelectorAll('.legend button').length === 1");
        Assert.Contains("run=", page.Page.Url, StringComparison.Ordinal);
        Assert.False(await page.Of<bool>("'taken' in window"));
        Assert.Empty(page.Errors);
    }

    [Fact]
    public async Task Only_this_machine_is_answered_and_only_by_what_the_list_has()
    {
        MadeRun.Write(folder.File("runs/a"), [[1], [2], [3]]);
        MadeRun.Write(folder.File("b"), [[1]]);
        using var dashboard = new RunningCommand("dashboard", folder.File("runs"), "--json");
        var address = new Uri(await Address(dashboard));
        Assert.Equal("127.0.0.1", address.Host);
        using var client = new HttpClient { BaseAddress = address };
        var runs = JsonDocument.Parse(await client.GetStringAsync("api/runs")).RootElement;
        var id = Uri.EscapeDataString(runs[0].GetProperty("id").GetString()!);
        Assert.Equal(1, runs.GetArrayLength());
        var charts = JsonDocument.Parse(await client.GetStringAsync($"api/charts?run={id}")).RootElement;
        Assert.Equal(1, charts.GetProperty("groups").GetArrayLength());
        Assert.Contains("<table>", await client.GetStringAsync($"api/details?run={id}"), StringComparison.Ordinal);

        async Task Refuses(HttpStatusCode status, string path, string? header = null, string? value = null)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            if (header is not null)
            {
                request.Headers.TryAddWithoutValidation(header, value);
            }

            using var answer = await client.SendAsync(request);
            Assert.Equal(status, answer.StatusCode);
            Assert.DoesNotContain("CartPole", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
            Assert.Contains("default-src 'none'", answer.Headers.GetValues("Content-Security-Policy").Single());
        }

        foreach (var path in new[] { "", "api/runs", $"api/charts?run={id}" })
        {
            await Refuses(HttpStatusCode.MisdirectedRequest, path, "Host", $"rebound.example:{address.Port}");
            await Refuses(HttpStatusCode.MisdirectedRequest, path, "Host", "127.0.0.1");
            await Refuses(HttpStatusCode.Forbidden, path, "Origin", "http://other.example");
            await Refuses(HttpStatusCode.Forbidden, path, "Origin", "null");
            await Refuses(HttpStatusCode.Forbidden, path, "Origin", $"https://127.0.0.1:{address.Port}");
            await Refuses(HttpStatusCode.Forbidden, path, "Sec-Fetch-Site", "cross-site");
            await Refuses(HttpStatusCode.Forbidden, path, "Sec-Fetch-Site", "same-site");
        }

        string[] elsewhere = [folder.File("b"), folder.File("runs/../b"), "../b", "a", "..", "/etc", "a\0b", ""];
        foreach (var run in elsewhere)
        {
            foreach (var part in new[] { "charts", "details", "animation" })
            {
                await Refuses(HttpStatusCode.NotFound, $"api/{part}?run={Uri.EscapeDataString(run)}");
            }
        }

        await Refuses(HttpStatusCode.NotFound, "..%2f..%2fetc%2fpasswd");
        await Refuses(HttpStatusCode.NotFound, "configuration.json");
        using var posted = await client.PostAsync("api/runs", null);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, posted.StatusCode);

        // The same numbers are not sent twice, and a port that is taken is said in a line.
        using var again = new HttpRequestMessage(HttpMethod.Get, "api/runs");
        using var first = await client.GetAsync("api/runs");
        again.Headers.IfNoneMatch.Add(first.Headers.ETag!);
        Assert.Equal(HttpStatusCode.NotModified, (await client.SendAsync(again)).StatusCode);
        var port = address.Port.ToString(CultureInfo.InvariantCulture);
        using var second = new RunningCommand("dashboard", folder.Path, "--port", port);
        var (code, error) = await second.End();
        Assert.Equal(1, code);
        Assert.Contains($"cannot listen on port {port}", error, StringComparison.Ordinal);
        Assert.Equal(0, await dashboard.Stop());
    }

    /// <summary>How many steps the text of the first chart says it has.</summary>
    private const string Reached = "Number((document.querySelector('.chart svg')?.ariaLabel ?? '')"
        + ".match(/after ([0-9,]+) steps/)?.[1].replaceAll(',', '') ?? 0)";

    private static async Task<string> Address(RunningCommand dashboard) =>
        JsonDocument.Parse(await dashboard.FirstLine()).RootElement.GetProperty("address").GetString()!;
}
