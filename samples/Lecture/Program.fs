/// The lecture's own points as short programs: each prints a table and draws a picture.
/// `dotnet run -c Release --project samples/Lecture [-- folder] [--quick]`; pictures go to `artifacts` unless a folder is named.
module Lecture.Program

open System.Diagnostics

[<EntryPoint>]
let main arguments =
    let folders = arguments |> Array.filter (fun argument -> not (argument.StartsWith "--"))

    let setting =
        {
            Folder = (if folders.Length > 0 then folders[0] else "artifacts")
            Quick = Array.contains "--quick" arguments
        }

    let clock = Stopwatch.StartNew()

    [
        Slide01WeightedRegression.run
        Slide05SmoothExpectation.run
        Slide13UnbiasedObjective.run
        Slide14Baselines.run
        Slide24FixedPoint.run
        Slide24Baird.run
    ]
    |> List.iter (fun run -> run setting)

    printfn $"\n{clock.Elapsed.TotalSeconds:F1} s"
    0
