/// The lecture's own points, and the pictures of docs/maths, as short programs: each prints a table or draws a picture.
/// `dotnet run -c Release --project samples/Lecture [-- folder] [--quick]`; pictures go to `artifacts` unless a folder
/// is named.
module Lecture.Program

open System.Diagnostics

let private run (setting: Setting) =
    let clock = Stopwatch.StartNew()

    [
        Slide01WeightedRegression.run
        Slide02CompoundingError.run
        Slide05SmoothExpectation.run
        Slide10Models.run
        Slide13UnbiasedObjective.run
        Slide14Baselines.run
        Slide22TargetNetwork.run
        Slide24FixedPoint.run
        Slide24Baird.run
        Slide24ValueFitting.run
        PageReturns.run
        PageValues.run
        PageBandits.run
    ]
    |> List.iter (fun slide -> slide setting)

    printfn $"\n{clock.Elapsed.TotalSeconds:F1} s"

[<EntryPoint>]
let main arguments =
    let options, folders = arguments |> List.ofArray |> List.partition _.StartsWith("--")

    match folders, List.distinct options with
    | ([] | [ _ ]), ([] | [ "--quick" ]) ->
        run { Folder = folders |> List.tryHead |> Option.defaultValue "artifacts"; Quick = not options.IsEmpty }
        0
    | _ ->
        eprintfn "The arguments are a folder for the pictures and --quick for a short run; both may be left out."
        2
