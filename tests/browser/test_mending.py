"""The data workshop in the browser: what is odd is found, a click mends it, before and after, and a reload finds it again."""

from playwright.sync_api import expect

from tests.browser.steps import drop

ROWS = "".join(f"第{i}条<br/>{'很好' if i % 2 else '太差'}的评论 {i * 7919 % 100},{'正面' if i % 2 else '负面'}\n" for i in range(60))


def test_a_gbk_file_is_mended_with_one_click_and_stays_so_after_a_reload(open_page, tmp_path):
    path = tmp_path / "评论 gbk.csv"
    path.write_bytes(("评论内容,情感标签\n" + ROWS + ROWS[: len(ROWS) // 2]).encode("gbk"))
    page = open_page("/", lang="zh")
    drop(page, path)
    expect(page.locator("[data-kind=duplicates]")).to_contain_text("完全相同")
    page.locator("[data-pick='rows:duplicates']").click()
    expect(page.locator("#data-panel tbody tr")).not_to_have_count(0)

    page.locator("[data-pick='cure:markup']").click()
    expect(page.locator("#data-panel mark.gone").first).to_have_text("<br/>")
    expect(page.locator("#data-steps .step")).to_have_count(1)
    expect(page.locator("[data-kind=markup]")).to_have_count(0)
    page.locator("[data-pick='cure:duplicates']").click()
    expect(page.locator("#data-steps .step")).to_have_count(2)
    expect(page.locator("#data-panel .dropped").first).to_be_visible()

    page.reload()
    expect(page.locator("#data-steps .step")).to_have_count(2)
    expect(page.locator("#data-steps")).to_contain_text("去除 HTML")
    page.locator("[data-pick='remove:1']").click()
    expect(page.locator("#data-steps .step")).to_have_count(1)
    page.locator("[data-pick='remove:0']").click()
    expect(page.locator("#data-steps .step")).to_have_count(0)
    page.locator("[data-pick='cure_all:']").click()
    expect(page.locator("#data-steps .step")).to_have_count(2)
    page.locator("[data-pick='remove:0']").click()
    expect(page.locator("#data-steps .step")).to_have_count(1)
    expect(page.locator("[data-kind=markup]")).to_be_visible()

    page.locator("#use-data").click()
    page.locator("#recipe-yaml button").first.click()
    expect(page.locator("#recipe-code")).to_contain_text("drop_duplicates")
    expect(page.locator("#recipe-code")).not_to_contain_text("strip_html")


def test_rows_are_pasted_and_a_step_is_added_by_hand(open_page):
    page = open_page("/", lang="en")
    page.locator("#more-sources button").first.click()
    page.locator("#paste textarea").fill("text\tlabel\n" + "".join(f"#tag good thing {i}\tpos\n#tag bad thing {i}\tneg\n" for i in range(20)))
    page.locator("#paste-use").click()
    expect(page.locator("#data-facts")).to_contain_text("pasted rows")
    page.locator("#own-step > button").click()
    page.locator("#step-name input").click()
    page.get_by_role("option", name="Replace by pattern").click()
    page.locator("#step-setting-0 textarea, #step-setting-0 input").first.fill(r"#\w+ ")
    page.locator("#step-add").click()
    expect(page.locator("#data-steps")).to_contain_text("40 rows changed")
    page.locator("[data-pick='see:0']").click()
    expect(page.locator("#data-panel mark.gone").first).to_have_text("#tag ")


def test_a_data_set_is_deleted_after_a_question(ui, open_page, toy_csv):
    page = open_page("/", lang="en")
    drop(page, toy_csv)
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.locator("#delete-data").click()
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator("#delete-data").click()
    expect(page.locator("#data-notice")).to_contain_text("Deleted")
    expect(page.locator("#data-empty")).to_be_visible()
    assert not list(ui.home.datasets.glob("[0-9a-f]*"))
