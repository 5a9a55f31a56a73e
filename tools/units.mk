# What a plain build compiles as one: to a compiler a small file is mostly headers and its own start.
# A unit is named after its first file; the static names of its files have to differ.
#
# hot: what a request, an apply, the log, a reactor and a restart pass through, the paths of
# tests/bench/budgets.txt among it. It has -O2. All else runs once, by hand, or beside a disk or a
# password's hash, and has -Og; that is what lets a build end in 15 s. A release has -O3 for all.
#
# In no unit are what tests replace when they link (*_posix.c), and what is cold and alone; alone in
# its unit is what a test includes whole. What does not know the schema comes first, since its header
# is not there yet.
#
# often: what most units of store/ and api/ include, read once for all of them. A file includes what
# it uses all the same: tidy and every other VARIANT compile without this.
often := errno.h pthread.h stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h string.h time.h \
    unistd.h $(patsubst %,core/%.h,fb_build fb_copy hash limits) kith_fb.h \
    $(patsubst %,store/%.h,apply check doc edges record)

$(call hot,core,fb_json_parse)
$(call hot,core,fb_build fb_copy fb_verify fb_json_print)
$(call hot,core,hash pool quiet ring)
$(call hot,core,assert language pool_mmap)
$(call hot,net,net conn buffer frame ws)
$(call hot,net,http http_answer http_guard http_head)
$(call hot,net,http_parse)
$(call hot,net,uring)
$(call hot,net,epoll)
$(call hot,persist,wal batch)
$(call hot,persist,recover scan segment)
$(call cold,persist,snapshot part root)
$(call cold,persist,manifest mend)
$(call cold,net,address detect)

$(call hot,store,store store_route check)
$(call hot,store,apply apply_edge keys tally digest)
$(call hot,store,apply_user user_record terms trigrams)
$(call hot,store,apply_post post_record post_lists card hunt)
$(call hot,store,apply_comment hang lists sees order idsort)
$(call hot,store,edges)
$(call hot,store,seq)
$(call hot,store,names)
$(call hot,store,read read_build page post_tags)
$(call hot,store,stream listed popular)
$(call hot,store,note_read ahead fanout)
$(call hot,store,notes along owed)
$(call hot,store,image image_load)
$(call hot,store,postings search ranking)
$(call hot,store,timeline hot top)
$(call hot,store,index index_build index_later)
$(call hot,store,record objects)
$(call hot,core,ops graph notes errors)

$(call hot,api,answer lists reads cursor)
$(call hot,api,reactor wire repeats arrive)
$(call hot,api,ingest ingest_post validate)
$(call hot,api,limits buckets gate hot_keys token)
$(call hot,api,http router request trace)
$(call hot,api,push changes)
$(call hot,bench,generator frames frames_http mix)
$(call hot,tools,kith_rows kith_source)

$(call cold,api,people crowd engage finds finds_tops gather text threads reports)
$(call cold,api,admin control explain export helper limit_words live load marks)
$(call cold,api,accounts audit contacts digests keys mail outbox)
$(call cold,api,server stats tickets words zones)
$(call cold,api,second sessions jwt totp openapi)
$(call cold,api,oauth providers provider_set captcha spent retention)
$(call cold,api,media media_file media_ticket sigv4 base64)
$(call cold,api,snapshotter notes watch link)
$(call cold,store,apply_session apply_account apply_identity secrets jobs devices)
$(call cold,store,apply_bond apply_react apply_moderate read_pinned)
$(call cold,store,apply_doc doc read_doc read_report queues shares)
$(call cold,store,acts people search_users stats sources audit trim recount settle)
$(call cold,store,store_verify verify_feeds bin)
$(call cold,tools,kith kith_body kith_call kith_cli kith_connect kith_explain kith_http \
    kith_importer kith_progress kith_temp)
$(call cold,tools,kith_bench kith_bench_graph kith_bench_hdr kith_bench_html kith_bench_memory \
    kith_bench_restart kith_bench_search)
$(call cold,tools,kith_bench_report kith_bench_server kith_bench_special kith_bench_svg)
$(call cold,tools,kith_import kith_import_edges kith_import_posts kith_import_users kith_edge_file \
    kith_string)
$(call cold,tools,kith_serve kith_check kith_data kith_import_likes kith_people kith_snapshot \
    kith_wal)
$(call cold,tools,kith_top kith_bench_run kith_export kith_sh)
$(call cold,bench,community echo limits machine model pipeline queries vocabulary \
    world zipf)
